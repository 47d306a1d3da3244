"""The relay: a place that keeps sealed parcels for named members until they come for them.

    folder.py     what lies in its folder, and how it comes to be: card, TLS key, settings
    database.py   its one file; members.py and mailbox.py read and write it
    members.py    who may call, by TLS key: asked on every call
    mailbox.py    parcels: stored before they are acknowledged, kept until taken and named as done, or expired
    service.py    the three calls, `Put`, `Take` and `Done`
    running.py    the process

A relay is there for nodes that are not up at the same time, or that cannot reach each other. It is trusted with nothing
but its duty: what it stores is sealed for the recipient (node.wire.parcels), what it gives out is believed for the
signature inside. It learns who sends to whom, when, and how much (threat_model.md, part 7), and it can keep parcels
back, which the sender notices by the missing receipt. It is no node: it has no rounds, no data and no identity key.
"""
