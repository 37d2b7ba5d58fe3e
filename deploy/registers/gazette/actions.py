"""Everything that may happen at the gazette, with how often it does."""

from deploy.registers.draws import Action, thinking_better
from deploy.registers.gazette import offices, printing

ACTIONS: dict[Action, int] = {
    offices.submit_act: 20,
    offices.submit_amendment: 22,
    offices.submit_correction: 6,
    offices.submit_repeal: 4,
    offices.revise: 6,
    offices.withdraw: 3,
    offices.clear: 2,
    printing.print_issue: 20,
    offices.retitle: 2,
    offices.translate: 8,
    offices.subscribe: 4,
    offices.unsubscribe: 2,
    thinking_better(printing.print_issue): 2,
}
