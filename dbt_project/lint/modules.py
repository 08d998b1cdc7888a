"""Stands in for dbt's `modules` when sqlfluff renders a template without dbt."""

import re

__all__ = ["re"]
