"""Everything that may happen in the register of identity documents, with how often it does."""

from deploy.registers.draws import Action, thinking_better
from deploy.registers.identity import lists, papers, stock

ACTIONS: dict[Action, int] = {
    papers.enrol: 3,
    papers.apply: 10,
    papers.take_photo_again: 3,
    papers.make: 10,
    papers.hand_over: 10,
    papers.refuse: 1,
    papers.lose: 4,
    papers.find_again: 3,
    papers.flip_certificates: 34,
    papers.show_photo: 16,
    papers.improve_photo: 2,
    papers.forget_photos: 2,
    lists.revoke: 3,
    lists.die: 1,
    lists.expire: 2,
    lists.publish_list: 3,
    lists.draw_lists_together: 1,
    stock.receive_delivery: 1,
    stock.move_blanks: 2,
    stock.swap_serials: 6,
    stock.rotate_serials: 2,
    stock.replace_chip: 2,
    stock.renew_certificates: 1,
    thinking_better(stock.swap_serials): 2,
}
