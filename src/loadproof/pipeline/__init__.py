"""What Loadproof does, below the command line: plan, drive, judge; compare, search, take turns.

`loadproof.run_test`, `judge_file`, `compare` and `write_report` are its face for Python; the verbs of `cli/`
only read options, call what is here, and print.
"""
