"""What crosses both sides: demo, benchmarks."""
