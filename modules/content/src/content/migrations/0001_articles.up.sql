-- Moments are ISO 8601 in UTC, so that their order as text is their order in time.
CREATE TABLE content_articles (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    due_at TEXT NOT NULL,
    published_at TEXT
) STRICT;

CREATE INDEX content_articles_published ON content_articles (published_at, id);
