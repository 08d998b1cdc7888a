"""From landing files to raw: read, normalise, load.

Here lives what turns bytes into records, records into typed event rows or rows
set aside with a reason, and both into one transaction. No table right of raw is
read or written here, and nothing here decides what a number means.
"""
