"""What happens when the machine fails in the middle of a reduction."""
