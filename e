error: cannot open w/db.grafeo: No such file or directory (os error 2)
