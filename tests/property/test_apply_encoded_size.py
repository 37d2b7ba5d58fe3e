"""Decoding is exact: the columns hold what was encoded, and its size is known to the byte."""

import io
import json

import fastavro
import pyruhvro
from hypothesis import given
from hypothesis import strategies as st

from consumers.apply.encoded_size import encoded_size
from schemas.records import ChangeSchema

SCHEMA = ChangeSchema.build("public", "t", ("a", "b"))
PARSED = fastavro.parse_schema(json.loads(SCHEMA.json))
TEXT = st.none() | st.text(max_size=5) | st.integers(60, 70).map("x".__mul__) | st.integers(8190, 8194).map("é".__mul__)
IMAGE = st.none() | st.fixed_dictionaries({"c0": TEXT, "c1": TEXT})
LONG = st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70) | st.integers(8000, 8300)
RECORD = st.fixed_dictionaries(
    {"op": st.text(max_size=2), "order": LONG, "transaction": LONG, "lsn": LONG, "before": IMAGE, "after": IMAGE}
)


@given(st.lists(RECORD, min_size=1, max_size=20))
def test_size_is_that_of_the_encoding(records) -> None:
    bodies = []
    for record in records:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, PARSED, record)
        bodies.append(out.getvalue())
    batch = pyruhvro.deserialize_array(bodies, SCHEMA.json)
    assert batch.to_pylist() == records
    assert encoded_size(batch) == sum(map(len, bodies))
