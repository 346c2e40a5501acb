"""What every package rests on: errors, files, progress, parallel maps, devices."""
from .lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "RugptError": "errors",     # an error that a person can mend: what, where, remedy
    "resolve_path": "files",    # an input path, seen from the working directory
    "read_json": "files",       # JSON from a file
    "write_json": "files",      # JSON to a file, whole or not at all
    "read_parquet": "files",    # a Parquet file and its shards as a data frame
    "write_parquet": "files",   # a table to Parquet, whole or not at all
    "Progress": "progress",     # a line that tells how far a long computation is
    "map_ordered": "parallel",  # a function over items in several processes, results in order
})
