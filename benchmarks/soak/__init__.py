"""`python -m benchmarks.soak`: faults without end, and at each second the books must balance."""
