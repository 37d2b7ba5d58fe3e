"""Reference registers: databases to try data-embassy on, each with its generator and a live workload.

Nothing here knows how they are replicated. `catalogue.REGISTERS` holds the registers of a state by name; `pgbench` is
one that nobody made for us. A register `<name>` is a package `<name>/` beside this file; its database and its schema
have that name too:

- `schema.sql`: everything in the schema `<name>` (extensions: trusted ones, WITH SCHEMA public), run by the owner in an
  empty database. No column of type xml: the local server is built without it. Comments say which trait of a real
  register a table carries.
- `generate.py`: `fill(load, scale)`, called after schema.sql in the same transaction. Scale 1 is a large register (some
  100,000 rows), small scales have minima of their own and take a second. Whatever it draws comes from `load.rng`, every
  day from `draws.REFERENCE_DAY`, every row through `loading.line`, so that a seed means the same rows for ever;
  `load.copy(table, columns, lines)` writes them in blocks.
- `actions.py`: `ACTIONS`, each kind of business transaction with its weight. An action `(db, rng) -> rows` is the body
  of one transaction (READ COMMITTED; it takes locks where several must agree); it returns the rows that it changed, 0
  when it found nothing to do. Its name stands in the counters. What a constraint, a lock or a deadlock refuses is
  rolled back and counted: functions in the database raise with ERRCODE = 'check_violation' (or another of class 23).
  A size that must follow the register's comes from its rows: actions do not know the scale.
- `checks/*.sql`: the invariants. Each file is one SELECT of one bigint, the number of offending rows: 0 at every
  commit, whatever the writers do at once; read only; fast, since they run thousands of times; also true in a standby,
  where no constraint guards the rows.
- `contract.toml`: owner, tier, objectives and what else an operator decides.
- `__init__.py`: a docstring and `REFERENCE`, a `reference.Reference` made of all this, listed in `catalogue`.

Shared: `reference` (the interface: generate, workload, violations), `workload` (writer threads, counters),
`invariants`, `loading` (COPY), `draws` (days, people, statements of actions), `names`, `codes` (personal codes). For
the tests each register has `tests/support/damage/<name>.toml`: for every check a statement after which it must find
something. `make docs` writes docs/reference/registers.md from docstrings of actions and leading comments of SQL files.
"""
