CREATE TABLE inv_ocr_pages (id);
