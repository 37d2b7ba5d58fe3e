"""The status page of a site: read-only, rendered here, readable without scripts, and it says how old its data is.

`gather` looks at the site in one thread of its own, once a second or so; every request shows the last snapshot and its
age, so that a page never waits for a database that does not answer. `view` says it in words and `charts` in pictures,
both pure; `render` makes HTML of it, `app` serves it and tells open pages what changed, `serve` binds it.
"""
