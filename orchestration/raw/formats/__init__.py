"""Landing file formats, one module each: bytes in, records out.

Here lives what knows a format's grammar, its limits and how its bytes are packed.
Nothing here knows an event, a contract or a table, opens a file by name, or decides
what becomes of a record.
"""
