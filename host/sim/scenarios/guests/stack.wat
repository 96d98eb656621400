;; Calls itself until its stack is full.
(memory (export "memory") 4)
(func $down (param i32) (result i32) (i32.add (call $down (local.get 0)) (local.get 0)))
(func (export "price") (param i32 i32 i64 i64 i32 i32 i32 i32 i32) (result i32)
    (call $down (i32.const 1)))
