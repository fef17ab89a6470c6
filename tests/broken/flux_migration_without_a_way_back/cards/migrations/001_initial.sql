CREATE TABLE cards_cards (id);
