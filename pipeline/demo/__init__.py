"""What the demo consists of: drawn scenes with exact annotations, and the small networks trained on them."""
