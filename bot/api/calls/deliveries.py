"""What could not leave or not be read: deliveries, mails set aside, webhooks."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import CURSOR, FILE, TEXT, TIME, WHOLE, list_of, maybe, obj, of, page

DELIVERIES: Sequence[Call] = (
    Call(
        method="get",
        path="/api/set-aside",
        about="Mails that could not be understood and that nobody has put away, oldest first.",
        who="operator",
        group="Mail",
        answers={
            200: (
                "The mails",
                obj(
                    {
                        "set_aside": list_of(
                            obj({"id": TEXT, "mailbox": TEXT, "why": TEXT, "size": WHOLE, "created_at": TIME})
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/set-aside/{id}/raw",
        about="One of them, as it came. Always a download.",
        who="operator",
        group="Mail",
        answers={200: ("The mail", FILE)},
        answer_type="application/octet-stream",
    ),
    Call(
        method="post",
        path="/api/set-aside/{id}/put-away",
        about="Somebody has seen to it; it is kept and no longer listed.",
        who="operator",
        group="Mail",
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/deliveries",
        about="Messages by how far they have come, the latest first: those that failed, unless another "
        "`status` is asked for. `error` says in words why.",
        who="operator",
        group="Conversations",
        query={
            "status": TEXT,
            "channel": TEXT,
            "open": {**TEXT, "description": "1: only what nobody has sent again or left at that."},
            "before": CURSOR,
            "limit": page(),
        },
        answers={200: ("A page of them", obj({"deliveries": list_of(of("Delivery")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="post",
        path="/api/deliveries/{id}/retry",
        about="Send a message that failed, or of which nobody knows whether it arrived, once more. Nothing "
        "changes while it is on its way, or once it has arrived.",
        who="operator",
        group="Conversations",
        answers={200: ("The delivery as it is now", obj({"delivery": of("Delivery")}))},
    ),
    Call(
        method="post",
        path="/api/deliveries/{id}/dismiss",
        about="Leave a message that did not arrive at that: it stands in no list of open ones any more.",
        who="operator",
        group="Conversations",
        answers={200: ("The delivery as it is now", obj({"delivery": of("Delivery")}))},
    ),
    Call(
        method="get",
        path="/api/webhooks",
        about="Events that `WEBHOOK_URL` did not take and that were given up, the latest first, for 30 days. "
        "`error` says why.",
        who="operator",
        group="Events",
        query={"before": CURSOR, "limit": page()},
        answers={200: ("A page of them", obj({"webhooks": list_of(of("Webhook")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="post",
        path="/api/webhooks/{id}/retry",
        about="Tell an event that was given up after all, out of its order. Nothing changes while it is "
        "still to be told.",
        who="operator",
        group="Events",
        answers={200: ("The event as it is now", obj({"webhook": of("Webhook")}))},
    ),
)
