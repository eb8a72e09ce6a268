"""A city's OPD applications, simulated: they publish through the SDK like real ones, faults included."""
