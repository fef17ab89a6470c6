ALTER TABLE cards_cards ADD owner;
