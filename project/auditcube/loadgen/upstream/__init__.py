"""What MLPerf's own compliance scripts say, holes and crashes included: one file per test.

Source: mlcommons/inference, compliance/TEST*/, as of 2026-08. Nothing here is what a result should be judged by: that
is the rule `strict`.
"""
