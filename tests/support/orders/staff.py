"""What staff do to a copy in the source, and how many of its three units it holds less then."""


def cancel(shop, copy):
    shop.sim.cancel(shop.source.domain, copy)


def refund(shop, copy):
    shop.source.refund(copy, "CANCEL", 1)


def delete(shop, copy):
    shop.sim.cancel(shop.source.domain, copy)
    shop.sim.delete_order(shop.source.domain, copy)


def edit(shop, copy):
    shop.sim.edit_order(shop.source.domain, copy, quantities={copy.lines[0].id: 1})


WAYS = [(cancel, 3), (refund, 1), (edit, 2), (delete, 3)]
