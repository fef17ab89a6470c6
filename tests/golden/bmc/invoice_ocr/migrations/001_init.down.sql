DROP TABLE inv_ocr_pages;
