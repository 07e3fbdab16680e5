"""A version for engines and programs that are not ours, and how much of its answers they come to."""
