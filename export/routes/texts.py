"""Texts that language models are tried on: what is said in a shop, in Chinese and in English."""

from __future__ import annotations

TEXTS = (
    (
        "A red dress goes well with a short black jacket and plain shoes. If the evening is cold, take a "
        "wool coat in camel or dark grey, and keep jewellery simple: small silver earrings are enough. For a "
        "summer wedding, a light shawl in cream and sandals with a low heel look relaxed, and a small bag in "
        "the colour of the shoes brings the outfit together."
    ),
    (
        "红色连衣裙可以搭配黑色短外套和简单的鞋子。如果晚上天气冷，可以选择驼色或深灰色的羊毛大衣，首饰要简单，小巧的银"
        "耳环就足够了。参加夏天的婚礼时，可以披一条米色的薄披肩，穿一双低跟凉鞋，再配一个和鞋子同色的小包，整体看起来既"
        "轻松又得体。"
    ),
    (
        "To choose the right size, measure your chest at its widest point and your waist where it is "
        "narrowest. Compare both numbers with the chart below. When you are between two sizes, take the "
        "larger one for a coat and the smaller one for a knitted dress, because knitwear stretches. You can "
        "return anything that does not fit within thirty days."
    ),
    (
        "选择尺码时，请先量胸围最宽处和腰围最细处，再与下面的尺码表对照。如果介于两个尺码之间，外套建议选大一号，针织连"
        "衣裙建议选小一号，因为针织面料有弹性。收到商品后三十天内，如果不合身可以免费退换，请保留吊牌和原包装，并在订单"
        "页面填写退货原因。"
    ),
    (
        "The jacket is made of recycled polyester with a water-repellent finish. It has two zipped pockets, "
        "a hood that folds into the collar, and elastic cuffs. Wash it at thirty degrees with similar "
        "colours, do not use fabric softener, and hang it up to dry. The finish comes back after ten minutes "
        "in a tumble dryer at low heat."
    ),
    (
        "这款外套采用再生聚酯纤维面料，表面有防泼水处理，两侧有拉链口袋，帽子可以收进领子里，袖口有松紧带。请用三十度以"
        "下的水与同色衣物一起清洗，不要使用柔顺剂，洗后挂起晾干。低温烘干十分钟可以恢复防水效果，存放时请避免阳光直射和"
        "潮湿的地方。"
    ),
    (
        "Customer: I am looking for running shoes under one hundred euros, for wide feet. Assistant: I found "
        "three pairs in your size. The first has the softest sole and costs eighty-nine euros; the second is "
        "lighter and suits short distances; the third is waterproof. Which surface do you mostly run on, and "
        "how far do you run in a week?"
    ),
    (
        "顾客：我想买一副太阳镜，脸比较圆，预算五百元以内。导购：圆脸适合方形或猫眼形的镜框，可以让脸部线条更清晰。我为"
        "您找到三款，第一款是黑色方框，第二款是玳瑁色猫眼框，第三款是金属细框，镜片都可以防紫外线。您平时主要在开车时戴"
        "，还是在海边度假时戴？"
    ),
)
