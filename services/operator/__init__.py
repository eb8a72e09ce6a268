"""What the people who run the hub ask of it: is it well, do the books close, what was refused, what are the figures."""
