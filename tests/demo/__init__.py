"""The demo service: its endpoints, its data, its counts, its faults, and how it starts and stops."""
