"""The log formats, one file each; each names its format ``FORMAT``.

Modules whose name begins with an underscore are what formats are built from. `_base` says what a
format is. Under the declared ones lie `_rows` (what named numbers mean), `_axis` (where training
stands), `_splits`, `_stamps` and `_numbers`; a format declares itself on one of

===============  =====================================================================
`_statements`    lines of text, a pattern for every kind; `_pairs` finds named numbers
`_parts`         the same, where several lines make one row
`_headed`        the same, where a heading gives the step of the lines below it
`_line_by_line`  lines of text that mean something only beside their neighbours
`_json_rows`     JSON objects, one a line
`_json_text`     text in which some lines end with a JSON object
`_document`      one JSON document
`_table`         CSV, TSV and tables aligned by blanks
===============  =====================================================================

Modules that share a first word belong together: ``_home_*`` reads logs that scripts print by hand,
``_table_*`` cells and headers, ``_event_*`` TensorBoard's files, ``_openmmlab*`` MMEngine and mmcv.
"""
