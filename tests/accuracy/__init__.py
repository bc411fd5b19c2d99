"""How often each analysis is right, on data whose truth is known because it was drawn from it.

One module for each analysis, with its data-generating processes and its CASES. pytest runs all of them with
few replicates (the smoke tier, `test_smoke.py`); `make accuracy` with many, and writes docs/accuracy.md.
"""
