"""What ``make explain`` is made of."""
