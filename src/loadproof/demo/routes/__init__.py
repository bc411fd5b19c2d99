"""The endpoints, by what they are about; `application.py` holds the table of their paths."""
