"""Speeds of the hub, as ratios to what this machine can do in the same run: `python -m bench` (`make bench`)."""
