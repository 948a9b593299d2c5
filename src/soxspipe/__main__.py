"""``python -m soxspipe`` is the command."""

from soxspipe.cli import main

if __name__ == "__main__":
    main()
