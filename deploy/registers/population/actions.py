"""Everything that may happen in the register, with how often it does."""

from deploy.registers.draws import Action, thinking_better
from deploy.registers.population import life, office

ACTIONS: dict[Action, int] = {
    life.birth: 14,
    life.death: 4,
    life.emigration: 2,
    life.move: 22,
    life.marriage: 6,
    life.divorce: 3,
    life.rename: 8,
    office.show_photo: 14,
    office.take_photo: 1,
    office.issue_document: 8,
    office.expire_documents: 4,
    life.correct_code: 4,
    life.swap_codes: 2,
    life.delete_person: 1,
    office.batch_import: 1,
    office.note: 5,
    office.redact_note: 1,
    office.drop_note: 1,
    office.send_notice: 5,
    office.redate_notice: 1,
    thinking_better(life.move): 1,
}
