"""Everything that may happen in pension insurance, with how often it does."""

from deploy.registers.draws import Action, thinking_better
from deploy.registers.pension import months, people

ACTIONS: dict[Action, int] = {
    people.retire: 8,
    people.grant: 8,
    people.recalculate: 20,
    people.end_pension: 4,
    people.die: 3,
    people.index_pensions: 1,
    people.change_account: 12,
    people.estimate: 4,
    months.return_payment: 14,
    months.stage_run: 4,
    months.stage_again: 2,
    months.pay_run: 4,
    months.begin_month: 4,
    months.archive_month: 2,
    thinking_better(people.recalculate): 2,
    months.plan_ahead: 1,
}
