"""What is wrong with the fleet, and what to do about it: checks over plain values."""
