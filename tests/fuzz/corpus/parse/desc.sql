desc table c;
