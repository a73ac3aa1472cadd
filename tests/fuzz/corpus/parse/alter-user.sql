ALTER  user u PASSWORD 'x';
