"""Knowledge: documents, articles, gaps and trying a question."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import NUMBER, TEXT, TIME, WHOLE, YES_NO, list_of, maybe, obj, of, page, text

KNOWLEDGE: Sequence[Call] = (
    Call(
        method="get",
        path="/api/knowledge",
        about="What was learned, from where, and what operators wrote.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The knowledge",
                obj(
                    {
                        "documents": WHOLE,
                        "chunks": WHOLE,
                        "sources": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "address": TEXT,
                                    "kind": TEXT,
                                    "documents": WHOLE,
                                    "failed": WHOLE,
                                    "learned_at": TIME,
                                }
                            )
                        ),
                        "articles": list_of(of("Article")),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/knowledge/documents",
        about="Learned documents by name; `q` stands in a name or a title.",
        who="operator",
        group="Knowledge",
        query={"q": {**TEXT, "maxLength": 200}, "after": TEXT, "limit": page(100, 500)},
        answers={
            200: (
                "A page",
                obj(
                    {
                        "documents": list_of(
                            obj(
                                {
                                    "name": TEXT,
                                    "title": TEXT,
                                    "url": TEXT,
                                    "chunks": WHOLE,
                                    "understood": {
                                        **YES_NO,
                                        "description": "Whether it can be found by meaning too.",
                                    },
                                }
                            )
                        ),
                        "next": maybe(TEXT),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/knowledge/documents/{name}",
        about="The pieces of a document that answers are made from.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The document",
                obj({"name": TEXT, "chunks": list_of(obj({"headings": list_of(TEXT), "text": TEXT}))}),
            )
        },
    ),
    Call(
        method="post",
        path="/api/knowledge/ask",
        about="What a question would be answered from.",
        who="operator",
        group="Knowledge",
        body=obj({"question": text(2_000)}),
        answers={
            200: (
                "Passages, the best first",
                obj(
                    {
                        "passages": list_of(
                            obj(
                                {
                                    "document": TEXT,
                                    "title": TEXT,
                                    "url": TEXT,
                                    "text": TEXT,
                                    "quote": TEXT,
                                    "score": NUMBER,
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/knowledge/gaps",
        about="Questions that nothing answered, those that ask the same together, the commonest first; "
        "`answer` is what a person wrote there.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The gaps",
                obj(
                    {
                        "gaps": list_of(
                            obj(
                                {
                                    "question": TEXT,
                                    "count": WHOLE,
                                    "answer": TEXT,
                                    "gaps": list_of(
                                        obj(
                                            {
                                                "id": TEXT,
                                                "question": TEXT,
                                                "conversation_id": TEXT,
                                                "created_at": TIME,
                                            }
                                        )
                                    ),
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/knowledge/gaps/close",
        about="Somebody has seen to these questions.",
        who="operator",
        group="Knowledge",
        body=obj({"ids": {**list_of(TEXT), "maxItems": 500}}),
        answers=DONE,
    ),
    Call(
        method="post",
        path="/api/knowledge/articles",
        about="Write an article, in Markdown. The bot knows it when the answer comes.",
        who="operator",
        group="Knowledge",
        body=obj({"title": text(200), "text": text(100_000)}),
        answers={201: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="get",
        path="/api/knowledge/articles/{id}",
        about="An article.",
        who="operator",
        group="Knowledge",
        answers={200: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="post",
        path="/api/knowledge/articles/{id}",
        about="Write an article anew.",
        who="operator",
        group="Knowledge",
        body=obj({"title": text(200), "text": text(100_000)}),
        answers={200: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="delete",
        path="/api/knowledge/articles/{id}",
        about="Take an article away; the bot does not know it any more.",
        who="operator",
        group="Knowledge",
        answers=DONE,
    ),
)
