"""Myositis criteria: core set measures and response."""
