-- Totals are in hundredths of the currency; they stay what they were when the invoice was issued.
CREATE TABLE invoices_issued (
    number INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL UNIQUE,
    issued_on TEXT NOT NULL,
    due_on TEXT NOT NULL,
    currency TEXT NOT NULL,
    total INTEGER NOT NULL
);
