CREATE TABLE ocr_scans (id INTEGER);
