"""The hub's contract: what an event is, which kinds and states exist, and where it travels. Imports nothing of ours."""
