"""What `loadproof init` finds in a folder, and what it writes there."""
