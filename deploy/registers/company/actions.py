"""Everything that may happen in the company register, with how often it does."""

from deploy.registers.company import board, capital, filings, life
from deploy.registers.draws import Action, thinking_better

ACTIONS: dict[Action, int] = {
    life.found: 6,
    life.register_person: 2,
    board.elect: 10,
    board.resign: 8,
    board.change_chair: 5,
    board.replace_board: 3,
    board.arrange_signing: 4,
    board.rename: 5,
    board.correct_case: 4,
    board.trade_names: 1,
    capital.sell_to_person: 12,
    capital.sell_to_company: 4,
    capital.issue_shares: 4,
    capital.withdraw_shares: 3,
    capital.split_shares: 1,
    filings.file_report: 12,
    filings.file_newest: 8,
    filings.pass_law: 1,
    filings.amend_report: 8,
    filings.mark_filing: 10,
    filings.decide_filing: 12,
    filings.destroy_rejected: 3,
    life.change_activity: 4,
    life.add_activity: 4,
    life.classify_anew: 1,
    life.change_contact: 6,
    life.liquidate: 2,
    life.resume: 1,
    life.delete: 2,
    life.merge: 1,
    thinking_better(board.replace_board): 2,
}
