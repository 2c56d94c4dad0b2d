"""AuditCube: benchmark an inference endpoint, audit the result, leave evidence that anyone can check."""

__version__ = "0.1.0"
