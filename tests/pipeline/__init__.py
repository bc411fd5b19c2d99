"""Tests of the pipeline below the command line."""
