"""A lane that was deleted and made anew stops its register, and a new generation clears it."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient

from tests.integration.test_receive_refusals import beat_of
from tests.integration.test_stops_cleared import SECONDS, at_home, begin, stops, wait_stopped
from tests.support.receiving import new_embassy, new_link, receiving, wait_for
from tests.support.stops_standby import change
from tests.support.synthetic_register import insert


@pytest.mark.clears("LaneLost")
def test_a_new_generation_clears_a_lane_that_was_made_anew(broker, postgres, tmp_path):
    link = new_link(new_embassy(broker, postgres, tmp_path))
    begin(link)
    link.source.commit(insert(1, "first"))
    link.send()
    with receiving(link) as (receiver,):
        wait_for(lambda: beat_of(receiver) == link.source.beat, seconds=SECONDS, what="live")
        admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
        for future in admin.delete_topics([link.register.lane_topic], operation_timeout=30).values():
            future.result()
        wait_for(lambda: link.register.lane_topic not in admin.list_topics(timeout=10).topics, what="it is gone")
        link.embassy.surroundings().ensure_topics(link.register)
        link.lane_end, link.sent = 0, len(link.source.log)
        stop = wait_stopped(receiver, "LaneLost")
        assert stop.remedy == f"at home: embassy register snapshot {link.register.name}"
        at_home(link, stop.remedy.split()[3:])
        change(link)
        wait_for(link.is_equal, seconds=SECONDS, what="equal")
        wait_for(lambda: not stops(receiver), seconds=SECONDS, what="the stop is over")
