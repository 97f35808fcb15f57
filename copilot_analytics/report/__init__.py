"""Renderings of an analysis: figures, tables, Markdown, JSON."""
