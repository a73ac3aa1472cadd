SHOW privilege  groups;
