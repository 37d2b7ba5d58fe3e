"""What a site needs: link, disk and time, by its contracts and by what its registers write; and what is weak in it.

`measure` asks the registers twice, `forecast` computes (the formulas of docs/sizing.md), `weak` judges the sites,
`text` prints. Only `measure` touches the world.
"""
