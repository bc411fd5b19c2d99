"""Results that people already have: k6's, Locust's and JMeter's own files.

A file with every request becomes a `Run`, judged as one of Loadproof's own; a file of totals becomes an
`Aggregate`, whose `limits` say what it cannot support.
"""
