"""The sidecar manifest `mlcube.run_audit.v1`: how it is written, read and checked."""
